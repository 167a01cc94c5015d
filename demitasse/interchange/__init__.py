"""Other people's formats, one file each.

Those of questions are read and written without loss, or refused with a reason; those of images are written.
"""
