{{/* Namespaces that are read, as a list; none is all. */}}
{{- define "packetboat.namespaces" -}}
{{- $said := include "packetboat.said" . | fromYaml }}
{{- $read := .Values.rbac.namespaces }}
{{- if not $read }}
{{- $read = dig "source" "namespaces" list $said }}
{{- with get $said "namespace" }}{{ $read = list . }}{{ end }}
{{- range $read }}
{{- if contains "$" . }}
{{- fail (printf "the configuration reads namespace %s, which is a variable: name the namespaces in rbac.namespaces" .) }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml (default list $read) }}
{{- end }}

{{/* Where the marker is written: as entrypoints/app decides it. Nothing if none is. */}}
{{- define "packetboat.markerNamespace" -}}
{{- $said := include "packetboat.said" . | fromYaml }}
{{- $marker := dig "source" "marker" "auto" $said | toString }}
{{- if not (has $marker (list "off" "false")) }}
{{- $read := include "packetboat.namespaces" . | fromYamlArray }}
{{- if eq (len $read) 1 }}
{{- first $read }}
{{- else }}
{{- default .Release.Namespace (first (splitList "/" (include "packetboat.checkpoint" .))) }}
{{- end }}
{{- end }}
{{- end }}

{{/* The marker's name, which is the checkpoint's: as entrypoints/app makes it. Nothing if that cannot be known here. */}}
{{- define "packetboat.markerName" -}}
{{- $store := dig "checkpoint" dict (include "packetboat.said" . | fromYaml) }}
{{- $place := "" }}
{{- with include "packetboat.checkpoint" . }}{{ $place = printf "configmap:%s" . }}{{ end }}
{{- with get $store "s3" }}{{ $place = printf "s3:%s/%s" .bucket .key }}{{ end }}
{{- with get $store "gcs" }}{{ $place = printf "gcs:%s/%s" .bucket .object }}{{ end }}
{{- with get $store "file" }}{{ $place = printf "file:%s" .path }}{{ end }}
{{- if and $place (not (contains "$" $place)) }}packetboat.{{ sha256sum $place | trunc 10 }}{{ end }}
{{- end }}

{{/* Built-in kinds: in namespaces, and in none. */}}
{{- define "packetboat.kinds" -}}
namespaced:
  "": [Pod, Service, Endpoints, ConfigMap, Secret, PersistentVolumeClaim, ServiceAccount, ReplicationController, ResourceQuota, LimitRange, PodTemplate]
  apps: [Deployment, ReplicaSet, StatefulSet, DaemonSet, ControllerRevision]
  batch: [Job, CronJob]
  autoscaling: [HorizontalPodAutoscaler]
  networking.k8s.io: [Ingress, NetworkPolicy]
  policy: [PodDisruptionBudget]
  storage.k8s.io: [CSIStorageCapacity]
  rbac.authorization.k8s.io: [Role, RoleBinding]
  coordination.k8s.io: [Lease]
  discovery.k8s.io: [EndpointSlice]
cluster:
  "": [Node, Namespace, PersistentVolume]
  networking.k8s.io: [IngressClass]
  storage.k8s.io: [StorageClass, VolumeAttachment, CSINode, CSIDriver]
  rbac.authorization.k8s.io: [ClusterRole, ClusterRoleBinding]
  certificates.k8s.io: [CertificateSigningRequest]
  scheduling.k8s.io: [PriorityClass]
  node.k8s.io: [RuntimeClass]
  admissionregistration.k8s.io: [MutatingWebhookConfiguration, ValidatingWebhookConfiguration]
  apiextensions.k8s.io: [CustomResourceDefinition]
  apiregistration.k8s.io: [APIService]
{{- end }}

{{/* The resource of a kind, by the rule that Kubernetes' own follow. */}}
{{- define "packetboat.resource" -}}
{{- $name := lower . }}
{{- if eq $name "endpoints" }}{{ $name }}
{{- else if hasSuffix "s" $name }}{{ $name }}es
{{- else if hasSuffix "y" $name }}{{ trimSuffix "y" $name }}ies
{{- else }}{{ $name }}s
{{- end }}
{{- end }}

{{/* Kinds whose objects are looked up, as enrich.kinds names them. */}}
{{- define "packetboat.lookupKinds" -}}
{{- $said := include "packetboat.said" . | fromYaml }}
{{- $kinds := .Values.rbac.lookupKinds }}
{{- if kindIs "invalid" $kinds }}
{{- $kinds = dig "enrich" "kinds" list $said }}
{{- if get $said "omitLookup" }}
{{- $kinds = list }}
{{- else if not $kinds }}
{{- $kinds = list "Pod" "Node" "Service" "PersistentVolumeClaim" "apps/Deployment" "apps/ReplicaSet" "apps/StatefulSet" "apps/DaemonSet" "batch/Job" "batch/CronJob" }}
{{- end }}
{{- end }}
{{- toYaml $kinds }}
{{- end }}
