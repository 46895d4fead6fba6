"""Reading and writing files safely; imports nothing of the other rooms."""
