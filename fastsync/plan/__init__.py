"""All that is decided before the first page is read: tables, cost, strategy, segments.

`survey.survey` describes the tables and rejects those that cannot be compared; `segments.Plan` cuts them up; the
rest is arithmetic: what each strategy would cost, how long it would take, which one to choose, which permissions it
needs. It must not read items (but for the one probe of `strategy_choice`) and must not write anything.
"""
