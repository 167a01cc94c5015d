"""From a task and a raw reply to an answer or a fault; one file a kind."""
