"""What supervisors see: live calls, the parts' own figures, and every turn of the last week."""
