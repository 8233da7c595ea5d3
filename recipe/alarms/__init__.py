# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
"""Alarms: a run that will not learn says so, and what to do about it; a healthy one stays quiet.

``step``    what is known of one step: its metrics, and what its groups show (``groups``)
``table``   the watchers, one entry each, over the last steps; a new one is one more entry and its tests
``watch``   takes steps as they come and raises an ``Alarm`` once an episode
``log``     the steps of a run from outside: verl's file logger and rollout dumps
``command`` ``care watch``

Pure: the same watchers run inside a trainer (``verl_ext.step.alarms``) and over the files of a run that never had them.
"""
