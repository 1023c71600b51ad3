"""Tests of the notebook half without a kernel or a browser; `*.test.mjs` run under node."""
