"""`convonet eval`: conversations with what must come of them, held with any model that is set up."""
