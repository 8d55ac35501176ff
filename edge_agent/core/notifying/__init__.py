"""Messages to people: who is told of which question, when, where and in which words."""
