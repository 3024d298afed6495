"""Forms: what the offline model of a domain can do for a caller, as data, and the conversation that fills them.

A domain lists its forms (`form`), built of slots and readers (`readers`); `skill` asks for what is missing, takes
corrections, confirms, and lets the form's own function use the tools.
"""
