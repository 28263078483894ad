"""Where graphs live and go: the embedded graph, RDF, files, Neo4j, LangChain."""
