# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""``python -m verl_ext.check_gpu``: does CARE work on this machine, and what does it cost? Without any download.

``settings`` says what is run, ``model`` makes model and questions, ``reward`` the verdicts, ``trainer`` and ``worker``
alternate methods within a run, ``runs`` starts and kills verl, ``run_metrics`` reads what it logged, ``reference``
computes the same again, ``stages`` puts it together, and ``report`` writes what was found after each stage.
"""
