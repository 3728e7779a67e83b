"""How sure a figure is: intervals, tests and effect sizes, on plain arrays.

Nothing here knows a project. Each method names its source. A value that is not a number is never
counted as one: the interval is undefined then, and says why.
"""
