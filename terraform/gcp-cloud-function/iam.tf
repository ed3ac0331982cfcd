# What the function may do: exactly what its configuration makes it do. Receivers
# with a key file of their own have that key's rights.
locals {
  direct = [for r in local.receivers : r if !anytrue([for kind in ["bigquery", "gcs", "pubsub"] : can(coalesce(r[kind].credentials_path))])]

  # A topic is named in full, or by its ID in a project.
  topics = { for t in distinct([for r in local.direct : try(
    zipmap(["project", "topic"], regex("^projects/([^/]+)/topics/(.+)$", r.pubsub.topic)),
    { project = try(coalesce(r.pubsub.gcloud_project_id), var.project), topic = r.pubsub.topic },
  ) if can(r.pubsub.topic)]) : "${t.project}/${t.topic}" => t }

  datasets = { for d in distinct([for r in local.direct : { project = try(coalesce(r.bigquery.project), var.project), dataset = r.bigquery.dataset } if can(r.bigquery.dataset)]) : "${d.project}/${d.dataset}" => d }

  # What is written to buckets: checkpoints by their name, all else by what names begin with.
  # Of a prefix that is a template, what stands before the first field.
  checkpoint_objects = { for c in local.gcs_checkpoints : "${c.bucket}/${c.object}" => {
    bucket = c.bucket
    name   = "projects/_/buckets/${c.bucket}/objects/${c.object}"
    parts  = replace("projects/_/buckets/${c.bucket}/objects/${c.object}", "/(\\.[^./]*)?$/", "-shard-")
  } }
  written_prefixes = { for w in distinct(concat(
    [for d in local.gcs_dead_letters : { bucket = d.bucket, prefix = "${try(coalesce(d.prefix), "packetboat-dead-letters")}/" }],
    [for r in local.direct : {
      bucket = r.gcs.bucket
      prefix = strcontains(try(coalesce(r.gcs.prefix), ""), "{{") ? split("{{", r.gcs.prefix)[0] : try("${trim(coalesce(r.gcs.prefix), "/")}/", "")
    } if can(r.gcs.bucket)],
  )) : "${w.bucket}/${w.prefix}" => w }

  gke_projects = toset([for c in local.gke : try(coalesce(c.project), var.project)])

  # A role of this project cannot be given in another one.
  own_gke = contains(local.gke_projects, var.project)

  # A name with a variable in it cannot become the target of a right.
  not_in_full = [for name in concat(keys(local.topics), keys(local.datasets), keys(local.checkpoint_objects), keys(local.written_prefixes)) : name if strcontains(name, "$${")]
}

resource "google_service_account" "function" {
  project      = var.project
  account_id   = "${var.name}-function"
  display_name = "packetboat: what ${var.name} may do"

  lifecycle {
    precondition {
      condition     = length(local.not_in_full) == 0
      error_message = "config: write the names of what receivers send to in full, because a variable cannot become a right: ${join(", ", local.not_in_full)}"
    }
    precondition {
      condition     = local.unnamed == 0
      error_message = "config: name secrets in full, gcpsm:projects/PROJECT/secrets/NAME/versions/latest: no other name can become a right."
    }
    precondition {
      condition     = alltrue([for r in local.direct : !try(r.pubsub.create_topic, false)])
      error_message = "config: create_topic needs rights on the whole project. Make the topic with Terraform instead."
    }
  }
}

# Replacing an object counts as deleting the old one.
resource "google_project_iam_custom_role" "checkpoint" {
  project     = var.project
  role_id     = "${replace(var.name, "-", "_")}_checkpoint"
  title       = "${var.name}: checkpoint"
  permissions = ["storage.objects.create", "storage.objects.delete", "storage.objects.get"]
}

resource "google_storage_bucket_iam_member" "checkpoint" {
  for_each = local.checkpoint_objects

  bucket = each.value.bucket
  role   = google_project_iam_custom_role.checkpoint.name
  member = google_service_account.function.member

  condition {
    title      = "${var.name}-checkpoint"
    expression = "resource.name == \"${each.value.name}\"${local.shards > 1 ? " || resource.name.startsWith(\"${each.value.parts}\")" : ""}"
  }

  depends_on = [google_storage_bucket.this]
}

# A bucket answers for an object that is not there with 404 to those who may list, and
# may answer 403 to others: then a first run could not be told from a missing right.
resource "google_project_iam_custom_role" "list" {
  project     = var.project
  role_id     = "${replace(var.name, "-", "_")}_list"
  title       = "${var.name}: tell a first run"
  permissions = ["storage.objects.list"]
}

resource "google_storage_bucket_iam_member" "list" {
  for_each = toset([for c in local.gcs_checkpoints : c.bucket])

  bucket = each.key
  role   = google_project_iam_custom_role.list.name
  member = google_service_account.function.member

  depends_on = [google_storage_bucket.this]
}

resource "google_project_iam_custom_role" "writer" {
  count = length(local.written_prefixes) > 0 ? 1 : 0

  project     = var.project
  role_id     = "${replace(var.name, "-", "_")}_writer"
  title       = "${var.name}: archive and dead letters"
  permissions = ["storage.objects.create", "storage.objects.delete"]
}

resource "google_storage_bucket_iam_member" "writer" {
  for_each = local.written_prefixes

  bucket = each.value.bucket
  role   = google_project_iam_custom_role.writer[0].name
  member = google_service_account.function.member

  condition {
    title      = "${var.name}-writer"
    expression = "resource.name.startsWith(\"projects/_/buckets/${each.value.bucket}/objects/${each.value.prefix}\")"
  }

  depends_on = [google_storage_bucket.this]
}

resource "google_storage_bucket_iam_member" "config" {
  count = local.inline_config ? 0 : 1

  bucket = local.bucket
  role   = "roles/storage.objectViewer"
  member = google_service_account.function.member

  # Of the role's rights this leaves reading the one object.
  condition {
    title      = "${var.name}-config"
    expression = "resource.name == \"projects/_/buckets/${local.bucket}/objects/${local.config_object}\""
  }

  depends_on = [google_storage_bucket.this]
}

resource "google_pubsub_topic_iam_member" "this" {
  for_each = local.topics

  project = each.value.project
  topic   = each.value.topic
  role    = "roles/pubsub.publisher"
  member  = google_service_account.function.member
}

resource "google_bigquery_dataset_iam_member" "this" {
  for_each = local.datasets

  project    = each.value.project
  dataset_id = each.value.dataset
  role       = "roles/bigquery.dataEditor"
  member     = google_service_account.function.member
}

resource "google_secret_manager_secret_iam_member" "this" {
  for_each = local.secrets

  project   = each.value.project
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function.member
}

resource "google_secret_manager_regional_secret_iam_member" "this" {
  for_each = local.regional_secrets

  project   = each.value.project
  location  = each.value.location
  secret_id = each.value.secret
  role      = "roles/secretmanager.secretAccessor"
  member    = google_service_account.function.member
}

# Where a cluster is and, for its DNS endpoint, that it may be reached. What may be
# done in it is RBAC's.
resource "google_project_iam_custom_role" "cluster" {
  count = local.own_gke ? 1 : 0

  project     = var.project
  role_id     = "${replace(var.name, "-", "_")}_cluster"
  title       = "${var.name}: find and reach clusters"
  permissions = ["container.clusters.connect", "container.clusters.get"]
}

resource "google_project_iam_member" "cluster" {
  for_each = local.gke_projects

  project = each.key
  role    = each.key == var.project ? google_project_iam_custom_role.cluster[0].name : "roles/container.clusterViewer"
  member  = google_service_account.function.member
}
