"""What `region_selector` is made of: what is selected, the menu, and asking the captioner."""
