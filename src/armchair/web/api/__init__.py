"""The JSON API: everything that the pages do, for programs."""

from armchair.web.api.router import router

__all__ = ["router"]
