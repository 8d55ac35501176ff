"""What the pages of questions and answers share: what is asked, who was told, which terms were seen."""
