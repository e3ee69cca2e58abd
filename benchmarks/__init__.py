"""What we measure ourselves against: ratios, all from one run on one machine.

    make bench                           everything
    python -m benchmarks stepping        one of them (in a window: under xvfb-run)

A module here has a function ``measure() -> Iterable[Row]``; it is run in a process of its own.
Nothing is asserted: times belong to the machine, and tests do not look at the clock.
"""
