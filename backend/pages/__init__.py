"""The pages for browsers: the live inbox at `/`, and GraphiQL at `/graphql/`. A door like the others."""
