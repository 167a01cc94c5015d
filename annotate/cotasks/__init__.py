"""CoTasks: the four steps towards an answer, from object annotation or from a teacher."""
