"""What browsers load: GraphiQL and the script of the web component."""
