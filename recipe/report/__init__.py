# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""A run as one page: curves, the paper's failure signs, every group of rollouts with image, verdicts and credit.

===============  ============================================================
``folder``       what a run has left, and where
``groups``       from rollouts to groups as they are shown; a fair sample of them
``surprises``    verdicts worth a second look
``images``       the pictures of the prompts, small, from the training file
``curves``       which metrics are drawn
``signs``        the failure signs that the paper names, in those metrics
``page``         all of it as one HTML file
``assets``       the page's own HTML, CSS and JavaScript
``command``      the command line
===============  ============================================================

Nothing here imports verl, Ray or vLLM.
"""
