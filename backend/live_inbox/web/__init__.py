"""The pages and scripts for browsers: GraphiQL and the web component."""
