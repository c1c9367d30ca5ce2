"""One HTML page of reports, statistics and logs, which opens offline and loads nothing.

`gather` counts, `segments` shows where differences lie, `page` fills the template; `page.js` draws in the browser.
It must not put anything into the page that is not in the files, nor any value without escaping it.
"""
