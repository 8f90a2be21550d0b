"""Other tools that look at the same targets in the same run. Each ``Cost`` counts the CPU time of all of a tool's processes.

Every look must have seen what is right; else these raise ``RuntimeError``, and nothing is compared.
"""
