output "function_name" {
  description = "Name of the function."
  value       = aws_lambda_function.this.function_name
}

output "function_arn" {
  description = "ARN of the function."
  value       = aws_lambda_function.this.arn
}

output "role_arn" {
  description = "ARN of the function's role, such as for access entries and for the trust policies of roles that it assumes."
  value       = aws_iam_role.function.arn
}

output "policy" {
  description = "The function's rights, as derived from the configuration: JSON."
  value       = local.policy
}

output "bucket" {
  description = "The bucket of the checkpoint, of large configurations and of dead letters."
  value       = local.bucket
}

output "checkpoint" {
  description = "Where the checkpoints are, as `packetboat checkpoint show --checkpoint` takes them."
  value       = [for c in local.whole_checkpoints : "s3:${c.bucket}/${c.key}"]
}

output "failed_queue_url" {
  description = "URL of the queue with invocations that failed."
  value       = aws_sqs_queue.failed.url
}

output "log_group" {
  description = "The function's log."
  value       = aws_cloudwatch_log_group.this.name
}

output "alarm_names" {
  description = "The alarms."
  value       = sort([for a in aws_cloudwatch_metric_alarm.this : a.alarm_name])
}

output "rbac_script" {
  description = "What the function may do in its clusters, with packetboat on the PATH: terraform output -raw rbac_script | sh | kubectl apply -f -; of several clusters one, sh -s NAME. It holds the configuration and the environment."
  value       = local.rbac_script
  sensitive   = true
}

output "access_entry_commands" {
  description = "For clusters in other accounts and regions: the commands that make their access entries. With a roleARN the entry is that role's."
  value = [for e in local.far_eks : join(" ", concat(
    ["aws eks create-access-entry --cluster-name", e.name],
    ["--region", try(coalesce(e.region), local.region)],
    ["--principal-arn", try(coalesce(e.roleARN), aws_iam_role.function.arn)],
    ["--kubernetes-groups", var.kubernetes_group],
  ))]
}
