"""Other people's formats, one file each. Every one is read and written without loss, or refused with a reason."""
