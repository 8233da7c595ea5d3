# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Sourced by the CPU scripts: the environment in which stock verl runs without an accelerator. The settings that go with
# it are the group `cpu` of recipe/care/conf; docs/cpu.md says why, line by line.

# One thread per process: the run has about ten processes on however many cores there are.
export OMP_NUM_THREADS=${OMP_NUM_THREADS:-1}
# The actor has more. A thread that spins for long while it waits for one that has no core costs several times the work
# itself; one that sleeps at once loses a fifth where there are cores enough.
export GOMP_SPINCOUNT=${GOMP_SPINCOUNT:-1000}
# vLLM compiles a function of its sampler: 7 s a run, 15 s in a new environment, for nothing that a tiny model would feel.
export TORCHDYNAMO_DISABLE=${TORCHDYNAMO_DISABLE:-1}
export HF_HUB_OFFLINE=${HF_HUB_OFFLINE:-1}
export VLLM_CPU_KVCACHE_SPACE=${VLLM_CPU_KVCACHE_SPACE:-1}
export VLLM_CPU_OMP_THREADS_BIND=${VLLM_CPU_OMP_THREADS_BIND:-nobind}
# Ray asks for a running cluster's token where one was set up; a laptop run starts its own.
export RAY_AUTH_MODE=${RAY_AUTH_MODE:-disabled}
export RAY_USAGE_STATS_ENABLED=${RAY_USAGE_STATS_ENABLED:-0}
# Ray starts workers ahead, without the environment variables that verl gives each of its own: most are never used.
export RAY_prestart_worker_first_driver=${RAY_prestart_worker_first_driver:-0}
