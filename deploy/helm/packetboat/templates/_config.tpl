{{/* The configuration as it was given, as text. */}}
{{- define "packetboat.given" -}}
{{- if kindIs "string" .Values.config }}
{{- .Values.config | trimSuffix "\n" }}
{{- else if .Values.config }}
{{- toYaml .Values.config }}
{{- else -}}
route:
  match:
    - receiver: log
receivers:
  - name: log
    stdout: {}
{{- end }}
{{- end }}

{{/* What it says, as YAML that fromYaml can read; nothing is known of a configuration that is elsewhere. */}}
{{- define "packetboat.said" -}}
{{- if not (include "packetboat.elsewhere" .) }}
{{- $said := include "packetboat.given" . | fromYaml }}
{{- with get $said "Error" }}
{{- fail (printf "config is no YAML mapping: %s" .) }}
{{- end }}
{{- toYaml $said }}
{{- end }}
{{- end }}

{{- define "packetboat.elsewhere" -}}
{{- if or .Values.existingSecret .Values.existingConfigMap }}yes{{ end }}
{{- end }}

{{/* What the chart adds to the configuration, where that is silent: below it, so that its lines keep their numbers. */}}
{{- define "packetboat.added" -}}
{{- $said := include "packetboat.said" . | fromYaml }}
{{- if and .Values.checkpoint.create (not (hasKey $said "checkpoint")) }}
checkpoint:
  configMap: {namespace: {{ .Release.Namespace | quote }}, name: {{ include "packetboat.checkpointName" . | quote }}}
{{- end }}
{{- if and (eq .Values.mode "watch") (gt (int .Values.watch.replicas) 1) (not (hasKey $said "leaderElection")) }}
leaderElection:
  enabled: true
  leaderElectionID: {{ include "packetboat.leaseName" . | quote }}
{{- end }}
{{- end }}

{{- define "packetboat.config" -}}
{{- $given := include "packetboat.given" . }}
{{- $added := include "packetboat.added" . }}
{{- $whole := $given }}
{{- if $added }}
{{- $whole = printf "%s\n\n# Added by the chart.%s" $given $added }}
{{- $read := fromYaml $whole }}
{{- range $key, $_ := fromYaml $added }}
{{- if not (hasKey $read $key) }}
{{- fail (printf "%s cannot be added to config: write config as a block mapping, one key a line, without a document end, or set %s there" $key $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- $whole }}
{{- end }}

{{- define "packetboat.checkpointName" -}}
{{- default (include "packetboat.fullname" .) .Values.checkpoint.name }}
{{- end }}

{{/* The ConfigMap of the checkpoint as "namespace/name"; nothing if the checkpoint is elsewhere. */}}
{{- define "packetboat.checkpoint" -}}
{{- $said := include "packetboat.said" . | fromYaml }}
{{- if not (hasKey $said "checkpoint") }}
{{- if .Values.checkpoint.create }}{{ .Release.Namespace }}/{{ include "packetboat.checkpointName" . }}{{ end }}
{{- else }}
{{- with dig "checkpoint" "configMap" nil $said }}
{{- default $.Release.Namespace .namespace }}/{{ .name }}
{{- end }}
{{- end }}
{{- end }}

{{- define "packetboat.leaseName" -}}
{{- $said := include "packetboat.said" . | fromYaml }}
{{- $otherwise := include "packetboat.fullname" . }}
{{- if or (hasKey $said "leaderElection") (include "packetboat.elsewhere" .) }}
{{- $otherwise = "kubernetes-event-exporter" }}
{{- end }}
{{- coalesce .Values.watch.leaseName (dig "leaderElection" "leaderElectionID" "" $said) $otherwise }}
{{- end }}

{{/* The Lease as "namespace/name"; nothing if no leader is elected. */}}
{{- define "packetboat.lease" -}}
{{- if eq .Values.mode "watch" }}
{{- $said := include "packetboat.said" . | fromYaml }}
{{- if or (gt (int .Values.watch.replicas) 1) (dig "leaderElection" "enabled" false $said) }}
{{- default .Release.Namespace (dig "leaderElection" "namespace" "" $said) }}/{{ include "packetboat.leaseName" . }}
{{- end }}
{{- end }}
{{- end }}
