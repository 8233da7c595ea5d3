# SPDX-FileCopyrightText: 2026 The CARE-verl authors
# SPDX-License-Identifier: Apache-2.0
# Sourced by every script that trains: what METHOD sets. Methods differ in this file and nowhere else; docs/baselines.md.
#
# Reads METHOD, and CARE_SETTINGS, the script's own settings of algorithm.care. Sets METHOD_OVERRIDES.

METHODS=(grpo dapo gspo care_no_rgr care)

case $METHOD in
grpo)
    METHOD_OVERRIDES=(
        algorithm.adv_estimator=grpo
        actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-mean
        actor_rollout_ref.actor.clip_ratio_low=0.2
        actor_rollout_ref.actor.clip_ratio_high=0.2
    )
    ;;
dapo)
    METHOD_OVERRIDES=(
        algorithm.adv_estimator=grpo
        actor_rollout_ref.actor.loss_agg_mode=token-mean
        actor_rollout_ref.actor.clip_ratio_low=0.2
        actor_rollout_ref.actor.clip_ratio_high=0.28
        # Dynamic sampling: a group in which all are right or all wrong is dropped and other prompts take its place.
        algorithm.filter_groups.enable=True
        algorithm.filter_groups.metric=acc
    )
    ;;
gspo)
    METHOD_OVERRIDES=(
        algorithm.adv_estimator=grpo
        actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-mean
        # The ratio of a whole sequence stays close to 1: its authors' range is this narrow.
        actor_rollout_ref.actor.policy_loss.loss_mode=gspo
        actor_rollout_ref.actor.clip_ratio_low=3e-4
        actor_rollout_ref.actor.clip_ratio_high=4e-4
    )
    ;;
care | care_no_rgr)
    METHOD_OVERRIDES=(
        algorithm.adv_estimator=care
        # A row's token advantages then add up to its advantage: the paper's objective.
        actor_rollout_ref.actor.loss_agg_mode=seq-mean-token-mean
        actor_rollout_ref.actor.clip_ratio_low=0.2
        actor_rollout_ref.actor.clip_ratio_high=0.28
        "${CARE_SETTINGS[@]}"
    )
    [[ $METHOD == care ]] || METHOD_OVERRIDES+=(+algorithm.care.rgr.enable=False)
    ;;
*)
    printf "METHOD=%s: there is no such method; set it to one of: %s\n" "$METHOD" "${METHODS[*]}" >&2
    exit 2
    ;;
esac
