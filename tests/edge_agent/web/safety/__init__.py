"""What an attacker tries at the pages, by the list of attacks that the promises are held against."""
