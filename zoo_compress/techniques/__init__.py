"""Ways to store or compute a site. Each technique is a plug-in in the group of that name."""
