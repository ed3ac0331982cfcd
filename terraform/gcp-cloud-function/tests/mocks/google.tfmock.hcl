mock_resource "google_service_account" {
  defaults = {
    email  = "packetboat-function@acme.iam.gserviceaccount.com"
    member = "serviceAccount:packetboat-function@acme.iam.gserviceaccount.com"
  }
}

mock_resource "google_project_iam_custom_role" {
  defaults = { name = "projects/acme/roles/custom" }
}
