"""What a run keeps so that another can go on with it: the checkpoint, and the copies of files beside it.

It must not decide what is compared next.
"""
