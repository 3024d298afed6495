"""`convonet eval`: scripted conversations with expected results, run with any configured model."""
