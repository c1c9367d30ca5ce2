"""What finished runs came to, in words; and their files, read back: combined into those of the whole, or made a page.

`verdict` judges a run, for the summary on a terminal (`summary`, `next_step`) and for the page (`html`). `read` tells
reports, statistics and logs apart by their content; `combine` adds up the files of shards. Files of a run at work are
written in `output`, not here. It must not talk to AWS.
"""
