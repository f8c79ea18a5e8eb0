/** An alert in the form that an Alertmanager sends to its webhooks (version 4 of its payload). Pure. */
import { hash } from 'node:crypto'
import { callerOf, subjectOf, type Alert } from './alert.js'

/** The end of something that still fires, in the form of Go. */
const NEVER = '0001-01-01T00:00:00Z'

export function alertmanagerPayload(alert: Alert): object {
  const { state, severity, name, kind, log, since, at, node, sentence, text, runbook, evidence } = alert
  const alertname = `Gossum${name.replace(/(?:^|[^a-zA-Z0-9]+)([a-zA-Z0-9])/g, (_, first: string) => first.toUpperCase())}`
  const labels = {
    alertname,
    severity,
    kind,
    witness: callerOf(node),
    ...(log !== null && { log: log.name, log_id: log.id }),
    ...(evidence !== null && { evidence: evidence.id }),
  }
  const annotations = {
    summary: subjectOf(alert),
    description: sentence,
    runbook,
    text,
    ...(evidence !== null && { evidence_url: `${node.http}${evidence.path}` }),
  }
  const one = {
    status: state,
    labels,
    annotations,
    startsAt: since,
    endsAt: state === 'resolved' ? at : NEVER,
    generatorURL: node.http,
    fingerprint: hash('sha256', JSON.stringify(labels)).slice(0, 16),
  }
  return {
    version: '4',
    groupKey: `{}:{alertname="${alertname}", log_id="${log?.id ?? ''}"}`,
    truncatedAlerts: 0,
    status: state,
    receiver: 'gossum',
    groupLabels: { alertname, ...(log !== null && { log_id: log.id }) },
    commonLabels: labels,
    commonAnnotations: annotations,
    externalURL: node.http,
    alerts: [one],
  }
}
