"""The agent: runs inside the job, starts what its RunSpec says and lets in only the gateway. Knows no application.

Standard library only, for Python 3.6 and newer: it is carried inside the job script and must run on any node.
"""
