"""OpenRouter: many providers behind one API."""
