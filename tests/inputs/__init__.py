"""Bad input, wide: hundreds of files that are wrong in some way. Each ends well or with one clear line.

No traceback, no hang, nothing written outside the folder it may write to.
"""
