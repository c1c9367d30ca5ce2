"""Tasks in worker processes: `executor` keeps a crew of them at work, `worker` is what happens in each.

Events come back over one pipe, orders go out over another, in `frames`. The parent's side must not wait for a single
worker: a frozen one keeps nobody else waiting. A worker must not outlive the parent.
"""
