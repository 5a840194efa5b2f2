"""LlamaIndex: its splitter, vector store and BM25. Settings: ``documented``, ``deep`` (depth 100), ``hybrid`` (BM25 too)."""

from __future__ import annotations

from pathlib import Path

from protocol import DEPTH, RANKED, Documents, Search, main, unique, weights


def build(documents: Documents, folder: Path, setting: str) -> None:
    """Split, encode and persist, and index the same nodes by words; every setting loads only what it needs."""
    from llama_index.core import Document, VectorStoreIndex
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding
    from llama_index.retrievers.bm25 import BM25Retriever

    made = [Document(text=text, id_=name) for name, text in documents]
    index = VectorStoreIndex.from_documents(made, embed_model=HuggingFaceEmbedding(model_name=weights()))
    index.storage_context.persist(persist_dir=str(folder / "vectors"))
    BM25Retriever.from_defaults(docstore=index.docstore, similarity_top_k=DEPTH).persist(str(folder / "words"))


def load(folder: Path, setting: str) -> Search:
    """Retrieve from what was persisted."""
    from llama_index.core import StorageContext, load_index_from_storage
    from llama_index.embeddings.huggingface import HuggingFaceEmbedding

    stored = StorageContext.from_defaults(persist_dir=str(folder / "vectors"))
    index = load_index_from_storage(stored, embed_model=HuggingFaceEmbedding(model_name=weights()))
    retriever = index.as_retriever(similarity_top_k=RANKED if setting == "documented" else DEPTH)
    if setting == "hybrid":
        from llama_index.core.llms import MockLLM
        from llama_index.core.retrievers import QueryFusionRetriever
        from llama_index.retrievers.bm25 import BM25Retriever

        words = BM25Retriever.from_persist_dir(str(folder / "words"))
        retriever = QueryFusionRetriever(
            [retriever, words], llm=MockLLM(), num_queries=1, mode="reciprocal_rerank", similarity_top_k=DEPTH, use_async=False
        )

    def search(question: str, k: int) -> list[str]:
        return unique((found.node.ref_doc_id for found in retriever.retrieve(question)), k)

    return search


if __name__ == "__main__":
    main(build, load)
