output "uri" {
  description = "Where runs are asked for, by POST with an identity token of who may invoke it."
  value       = local.target
}

output "service" {
  description = "Name of the Cloud Run service, the function's own too."
  value       = local.service
}

output "service_account" {
  description = "E-mail of the function's service account: the user in its clusters."
  value       = google_service_account.function.email
}

output "bucket" {
  description = "The bucket of the checkpoint, of sources, of large configurations and of dead letters."
  value       = local.bucket
}

output "checkpoint" {
  description = "Where the checkpoints are, as `packetboat checkpoint show --checkpoint` takes them."
  value       = [for c in local.gcs_checkpoints : "gcs:${c.bucket}/${c.object}"]
}

output "alert_names" {
  description = "The alert policies."
  value       = sort(concat(google_monitoring_alert_policy.no_success[*].display_name, [for a in google_monitoring_alert_policy.this : a.display_name]))
}

output "rbac_script" {
  description = "What the function may do in its clusters, with packetboat on the PATH: terraform output -raw rbac_script | sh | kubectl apply -f -; of several clusters one, sh -s NAME. It holds the configuration and the environment."
  value       = local.rbac_script
  sensitive   = true
}
