# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Sourced by the GPU scripts: what their variables change about the groups of recipe/care/conf, what a run needs, then
# stock verl with groups, variables and the arguments of the script; what comes later wins.
#
# Reads MODEL_GROUP, a file of recipe/care/conf/model, the variables of docs/scaling.md, and what common.sh defines.

METHOD=${METHOD:-care}
LORA=${LORA:-0}
ATTENTION=${ATTENTION:-flash_attention_2}
NNODES=${NNODES:-1}
TRAIN_FILES=${TRAIN_FILES:-$ROOT/data/mix/mix.parquet}
VAL_FILES=${VAL_FILES:-$ROOT/data/geometry3k_validation.parquet}
DRY_RUN=${DRY_RUN:-0}
PYTHON=${PYTHON:-python3}

need_choice METHOD method
need_choice ATTENTION attention
CHOSEN=(+model="$MODEL_GROUP" attention="$ATTENTION" +method="$METHOD")
case $LORA in
0)
    NGPUS_PER_NODE=${NGPUS_PER_NODE:-8}
    SUFFIX=
    ;;
1)
    NGPUS_PER_NODE=${NGPUS_PER_NODE:-1}
    SUFFIX=_lora
    CHOSEN+=(+lora=one_gpu)
    from_variable LORA_RANK actor_rollout_ref.model.lora_rank actor_rollout_ref.model.lora_alpha
    ;;
*) die "LORA=$LORA: set it to 1 (low-rank adapters, one GPU of 80 GB) or 0 (all weights)" ;;
esac
EXPERIMENT=${EXPERIMENT:-${MODEL_GROUP}_$METHOD$SUFFIX}
OUT_DIR=${OUT_DIR:-$ROOT/runs/$EXPERIMENT}
need_active_environment torch omegaconf verl verl_ext hydra_plugins

# A run reserves CPUs from Ray and waits forever, without a word, where there are fewer: one for each process in which
# TransferQueue keeps rows (verl's default is 8), three with each GPU, two more.
STORAGE_UNITS=$((NNODES * NGPUS_PER_NODE < 8 ? NNODES * NGPUS_PER_NODE : 8))
RAY_CPUS=$((STORAGE_UNITS + 3 * NGPUS_PER_NODE + 2))
if ((NNODES == 1 && $(nproc) < RAY_CPUS)); then
    # It is a number Ray counts with; the processes share the cores that are there.
    SETTINGS+=(ray_kwargs.ray_init.num_cpus="$RAY_CPUS")
fi
SETTINGS+=(transfer_queue.backend.SimpleStorage.num_data_storage_units="$STORAGE_UNITS")
from_variable NNODES trainer.nnodes
from_variable NGPUS_PER_NODE trainer.n_gpus_per_node
from_variable MODEL_PATH actor_rollout_ref.model.path
from_variable TRAIN_FILES data.train_files
from_variable VAL_FILES data.val_files
from_variable IMAGE_PATCH_SIZE data.image_patch_size
from_variable ROLLOUT_TP actor_rollout_ref.rollout.tensor_model_parallel_size
from_variable MICRO_TOKENS actor_rollout_ref.actor.ppo_max_token_len_per_gpu \
    actor_rollout_ref.{rollout,ref}.log_prob_max_token_len_per_gpu
from_variable MAX_MODEL_LEN actor_rollout_ref.rollout.max_model_len
from_variable GPU_MEMORY_UTILIZATION actor_rollout_ref.rollout.gpu_memory_utilization
from_variable PARAM_OFFLOAD actor_rollout_ref.actor.fsdp_config.{param,optimizer}_offload
from_variable LR actor_rollout_ref.actor.optim.lr
from_variable SEED data.seed actor_rollout_ref.rollout.seed
from_variable EPOCHS trainer.total_epochs
from_variable SAVE_FREQ trainer.save_freq
from_variable TEST_FREQ trainer.test_freq
from_variable KEEP_CHECKPOINTS trainer.max_actor_ckpt_to_keep
from_variable LOGGER trainer.logger
from_variable EXPERIMENT trainer.experiment_name
from_variable OUT_DIR trainer.default_local_dir
SETTINGS+=(
    # As a setting, because a cluster that is there already does not pass on this shell's environment.
    +ray_kwargs.ray_init.runtime_env.env_vars.TENSORBOARD_DIR="$(hydra_value "$OUT_DIR/tensorboard")"
    # What a model card and the check of the merged model need (docs/recipe.md).
    trainer.validation_data_dir="$(hydra_value "$OUT_DIR/validation")"
    hydra.run.dir="$(hydra_value "$OUT_DIR/hydra")"
)
ARGUMENTS=("${CHOSEN[@]}" "${SETTINGS[@]}" "$@")

if [[ $DRY_RUN == 1 ]]; then
    exec "$PYTHON" -m verl_ext.checks.dry_run "${ARGUMENTS[@]}"
fi
# The group's model, unless the variable names another.
MODEL_PATH=${MODEL_PATH:-$(sed -n 's/^    path: //p' "$CONF/model/$MODEL_GROUP.yaml")}
"$PYTHON" -m verl_ext.checks.preflight --nodes "$NNODES" --gpus "$NGPUS_PER_NODE" --attention "$ATTENTION" \
    --model "$MODEL_PATH" --data "$TRAIN_FILES" "$VAL_FILES"
"$PYTHON" -m verl_ext.checks.record "$OUT_DIR"
exec "$PYTHON" -m verl.trainer.main_ppo "${ARGUMENTS[@]}"
