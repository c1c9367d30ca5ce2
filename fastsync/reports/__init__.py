"""Files of finished runs, read back: combined into those of the whole, or shown as a page.

`read` tells reports, statistics and logs apart by their content; `combine` adds up the files of shards; `html`
makes the page for people. Files of a run at work are written in `output`, not here. It must not talk to AWS.
"""
