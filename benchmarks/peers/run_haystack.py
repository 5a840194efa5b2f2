"""Haystack: whole documents in its in-memory store, as JSON. Settings: ``documented`` (vectors), ``hybrid`` (and BM25)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from protocol import DEPTH, RANKED, Documents, Search, main, weights

_FILE = "store.json"


def build(documents: Documents, folder: Path, setting: str) -> None:
    """Encode, write into the store and save it; both settings search the same store."""
    from haystack import Document
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack_integrations.components.embedders.sentence_transformers import SentenceTransformersDocumentEmbedder

    store = InMemoryDocumentStore(embedding_similarity_function="cosine")
    encoder = SentenceTransformersDocumentEmbedder(model=weights(), progress_bar=False)
    store.write_documents(encoder.run([Document(content=text, meta={"name": name}) for name, text in documents])["documents"])
    store.save_to_disk(str(folder / _FILE))


def load(folder: Path, setting: str) -> Search:
    """Run a pipeline over the saved store."""
    from haystack import Pipeline
    from haystack.components.joiners import DocumentJoiner
    from haystack.components.retrievers.in_memory import InMemoryBM25Retriever, InMemoryEmbeddingRetriever
    from haystack.document_stores.in_memory import InMemoryDocumentStore
    from haystack_integrations.components.embedders.sentence_transformers import SentenceTransformersTextEmbedder

    store, hybrid = InMemoryDocumentStore.load_from_disk(str(folder / _FILE)), setting == "hybrid"
    depth = DEPTH if hybrid else RANKED
    pipeline = Pipeline()
    pipeline.add_component("encoder", SentenceTransformersTextEmbedder(model=weights(), progress_bar=False))
    pipeline.add_component("vectors", InMemoryEmbeddingRetriever(store, top_k=depth))
    pipeline.connect("encoder.embedding", "vectors.query_embedding")
    if hybrid:
        pipeline.add_component("words", InMemoryBM25Retriever(store, top_k=depth))
        pipeline.add_component("joined", DocumentJoiner(join_mode="reciprocal_rank_fusion"))
        pipeline.connect("vectors", "joined")
        pipeline.connect("words", "joined")

    def search(question: str, k: int) -> list[str]:
        asked: dict[str, Any] = {"encoder": {"text": question}}
        if hybrid:
            asked["words"] = {"query": question}
        found = pipeline.run(asked)["joined" if hybrid else "vectors"]["documents"]
        return [document.meta["name"] for document in found[:k]]

    return search


if __name__ == "__main__":
    main(build, load)
