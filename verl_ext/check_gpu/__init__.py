# Copyright 2026 The CARE-verl authors
#
# Licensed under the Apache License, Version 2.0 (the "License");
# you may not use this file except in compliance with the License.
# You may obtain a copy of the License at
#
#     http://www.apache.org/licenses/LICENSE-2.0
#
# Unless required by applicable law or agreed to in writing, software
# distributed under the License is distributed on an "AS IS" BASIS,
# WITHOUT WARRANTIES OR CONDITIONS OF ANY KIND, either express or implied.
# See the License for the specific language governing permissions and
# limitations under the License.
"""``python -m verl_ext.check_gpu``: does CARE work on this machine, and what does it cost? Without any download.

``settings`` says what is run, ``model`` makes model and questions, ``reward`` the verdicts, ``trainer`` and ``worker``
alternate methods within a run, ``runs`` starts and kills verl, ``run_metrics`` reads what it logged, ``reference``
computes the same again, ``stages`` puts it together, and ``report`` writes what was found after each stage.
"""
