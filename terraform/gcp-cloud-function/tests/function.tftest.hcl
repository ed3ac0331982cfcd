# Google's provider is mocked, and what is known of it are names and types: see
# terraform/README.md for what this does not prove.
mock_provider "google" {
  source = "./tests/mocks"
}

variables {
  project        = "acme"
  region         = "europe-west1"
  source_archive = "tests/testdata/everything.yaml" # any file: nothing is built
  config         = file("tests/testdata/everything.yaml")
}

run "rights_are_those_of_the_configuration" {
  assert {
    condition     = join(" ", keys(google_pubsub_topic_iam_member.this)) == "acme/events other/events"
    error_message = "publisher on the topics of receivers without a key: ${join(" ", keys(google_pubsub_topic_iam_member.this))}"
  }
  assert {
    condition     = join(" ", keys(google_bigquery_dataset_iam_member.this)) == "acme/kubernetes" && google_bigquery_dataset_iam_member.this["acme/kubernetes"].role == "roles/bigquery.dataEditor"
    error_message = "editor of the dataset"
  }
  assert {
    condition     = join(" ", keys(google_storage_bucket_iam_member.writer)) == "archive/by-cluster/ archive/events/raw/ letters/packetboat/dead/"
    error_message = "writer below the prefixes of archives and dead letters: ${join(" ", keys(google_storage_bucket_iam_member.writer))}"
  }
  assert {
    condition     = google_storage_bucket_iam_member.writer["archive/events/raw/"].condition[0].expression == "resource.name.startsWith(\"projects/_/buckets/archive/objects/events/raw/\")"
    error_message = "below the prefix alone"
  }
  assert {
    condition     = [for m in google_storage_bucket_iam_member.checkpoint : m.condition[0].expression] == ["resource.name == \"projects/_/buckets/packetboat-acme/objects/packetboat/checkpoint.json\""]
    error_message = "the checkpoint and no other object"
  }
  assert {
    condition = (
      google_project_iam_custom_role.checkpoint.permissions == toset(["storage.objects.create", "storage.objects.delete", "storage.objects.get"])
      && google_project_iam_custom_role.writer[0].permissions == toset(["storage.objects.create", "storage.objects.delete"])
      && google_project_iam_custom_role.list.permissions == toset(["storage.objects.list"])
      && google_project_iam_custom_role.cluster[0].permissions == toset(["container.clusters.connect", "container.clusters.get"])
    )
    error_message = "the roles have these permissions and no more"
  }
  assert {
    condition     = [for m in google_secret_manager_secret_iam_member.this : "${m.project} ${m.secret_id} ${m.role}"] == ["acme hook roles/secretmanager.secretAccessor"]
    error_message = "the secret that is referred to"
  }
  assert {
    condition     = [for m in google_project_iam_member.cluster : m.project] == ["acme"]
    error_message = "the cluster's project"
  }
}

run "a_job_that_repairs_itself" {
  assert {
    condition     = google_cloud_scheduler_job.this.schedule == "*/4 * * * *" && google_cloud_scheduler_job.this.retry_config[0].retry_count == 0
    error_message = "every 4 minutes, without retries"
  }
  assert {
    condition     = google_cloud_scheduler_job.this.attempt_deadline == "240s" && google_cloudfunctions2_function.this[0].service_config[0].timeout_seconds == 210 && google_cloudfunctions2_function.this[0].service_config[0].environment_variables["PACKETBOAT_TIMEOUT"] == "200s"
    error_message = "the run ends, then the function, then the scheduler's patience"
  }
  assert {
    condition     = google_cloudfunctions2_function.this[0].service_config[0].max_instance_count == 1 && google_cloudfunctions2_function.this[0].service_config[0].max_instance_request_concurrency == 1
    error_message = "one run at a time"
  }
  assert {
    condition     = google_cloud_scheduler_job.this.http_target[0].http_method == "POST" && google_cloud_scheduler_job.this.http_target[0].uri == output.uri && google_cloud_scheduler_job.this.http_target[0].oidc_token[0].audience == output.uri
    error_message = "a POST with a token for the function"
  }
  assert {
    condition     = google_cloud_run_v2_service_iam_member.scheduler.role == "roles/run.invoker" && google_cloud_run_v2_service_iam_member.scheduler.name == "packetboat"
    error_message = "the scheduler may invoke this function"
  }
}

run "a_bucket_that_is_safe" {
  assert {
    condition = alltrue([for b in google_storage_bucket.this :
    b.versioning[0].enabled && b.uniform_bucket_level_access && b.public_access_prevention == "enforced" && !b.force_destroy])
    error_message = "versioned, private, not deleted with a checkpoint in it"
  }
  assert {
    condition     = [for r in google_storage_bucket.this[0].lifecycle_rule : [for c in r.condition : c.days_since_noncurrent_time]] == [[7]]
    error_message = "a checkpoint's old versions end"
  }
}

run "from_an_image" {
  variables {
    source_archive = null
    image          = "europe-docker.pkg.dev/acme/packetboat/function:0.1.0"
    vpc_connector  = "projects/acme/locations/europe-west1/connectors/c"
  }
  assert {
    condition     = length(google_cloudfunctions2_function.this) == 0 && google_cloud_run_v2_service.this[0].template[0].containers[0].image == var.image
    error_message = "a service of Cloud Run"
  }
  assert {
    condition     = google_cloud_run_v2_service.this[0].template[0].scaling[0].max_instance_count == 1 && google_cloud_run_v2_service.this[0].template[0].max_instance_request_concurrency == 1 && google_cloud_run_v2_service.this[0].template[0].timeout == "210s"
    error_message = "one run at a time, and as long"
  }
  assert {
    condition     = contains([for e in google_cloud_run_v2_service.this[0].template[0].containers[0].env : "${e.name}=${e.value}"], "FUNCTION_TARGET=Run")
    error_message = "the image is told which function"
  }
  assert {
    condition     = google_cloud_run_v2_service.this[0].template[0].vpc_access[0].connector == var.vpc_connector
    error_message = "through the connector"
  }
}

run "a_large_configuration_goes_into_the_bucket" {
  variables {
    config = "${file("tests/testdata/everything.yaml")}#${join("", [for i in range(1024) : "1234567890123456"])}\n"
  }
  assert {
    condition     = google_cloudfunctions2_function.this[0].service_config[0].environment_variables["PACKETBOAT_CONFIG_FILE"] == "gs://packetboat-acme/packetboat/config.yaml" && google_storage_bucket_object.config[0].content == var.config && length(google_storage_bucket_iam_member.config) == 1
    error_message = "it is there, the function is told and may read it"
  }
}

run "alerts" {
  assert {
    condition     = join(" ", [for n in output.alert_names : replace(n, " ", "_")]) == join(" ", [for a in ["dead-lettered", "failed", "gap", "lost", "no_success", "owed", "reset"] : "packetboat:_${a}"])
    error_message = "the alerts: ${join(", ", output.alert_names)}"
  }
  assert {
    condition     = google_monitoring_alert_policy.no_success[0].conditions[0].condition_absent[0].duration == "1200s"
    error_message = "20 minutes without a success"
  }
  assert {
    condition     = strcontains(google_logging_metric.this["owed"].filter, "jsonPayload.report.receivers.\"on call\".owed>0 OR") == false && strcontains(google_logging_metric.this["owed"].filter, "jsonPayload.report.receivers.\"on call\".owed>0")
    error_message = "a receiver of any name is counted"
  }
}

run "in_the_cluster" {
  assert {
    condition     = strcontains(output.rbac_script, "'--user' '${output.service_account}'")
    error_message = "the service account is the user"
  }
}

run "parts_of_clusters_and_secrets_of_a_region" {
  variables {
    environment = { PACKETBOAT_SHARD = "0/2" }
    config      = <<-EOT
      checkpoint: {gcs: {bucket: shared, object: a.b/checkpoint.json}}
      clusters:
      - {name: one, cluster: {gke: {name: one, location: europe-west1}}}
      - {name: two, cluster: {gke: {name: two, location: europe-west1}}, checkpoint: {gcs: {bucket: shared, object: two}}}
      receivers: [{name: hook, webhook: {endpoint: "gcpsm:projects/acme/locations/europe-west1/secrets/hook/versions/latest"}}]
    EOT
  }
  assert {
    condition = [for m in google_storage_bucket_iam_member.checkpoint : m.condition[0].expression] == [
      "resource.name == \"projects/_/buckets/shared/objects/a.b/checkpoint-one.json\" || resource.name.startsWith(\"projects/_/buckets/shared/objects/a.b/checkpoint-one-shard-\")",
      "resource.name == \"projects/_/buckets/shared/objects/two\" || resource.name.startsWith(\"projects/_/buckets/shared/objects/two-shard-\")",
    ]
    error_message = "each cluster's and its parts': ${jsonencode([for m in google_storage_bucket_iam_member.checkpoint : m.condition[0].expression])}"
  }
  assert {
    condition     = [for m in google_secret_manager_regional_secret_iam_member.this : "${m.project} ${m.location} ${m.secret_id}"] == ["acme europe-west1 hook"] && length(google_secret_manager_secret_iam_member.this) == 0
    error_message = "a secret of a region is one of its own kind"
  }
  assert {
    condition     = strcontains(output.rbac_script, "'--shards' '2'")
    error_message = "the rights of all parts"
  }
}

run "neither_source_nor_image" {
  command = plan
  variables {
    source_archive = null
  }
  expect_failures = [google_cloud_run_v2_service.this]
}

run "a_name_with_a_variable" {
  command = plan
  variables {
    config = "receivers: [{name: a, pubsub: {topic: \"$${TOPIC}\"}}]"
  }
  expect_failures = [google_service_account.function]
}

run "wrong_variables" {
  command = plan
  variables {
    name              = "packetboat-production-eu"
    timeout           = 3600
    scheduler_retries = 5
    vpc_egress        = "all"
    alerts            = { minutes_owed = 7 }
    config            = "config.yaml"
  }
  expect_failures = [var.name, var.timeout, var.scheduler_retries, var.vpc_egress, var.alerts, var.config]
}
