/**
 * Every metric, declared once; docs/metrics.md lists them. Names and units follow the Prometheus rules; labels
 * identify, and come from closed sets or from the settings. Metrics of the process have their usual names.
 */
import { collectDefaultMetrics, Gauge, Registry } from 'prom-client'
import { addCounters, type CounterOptions } from './counters.js'
import { addGauges } from './gauges.js'
import type { Sample } from '../status/sample.js'
import { VERSION } from '../version.js'

export type { LogSample, PlaceSample, Sample, WitnessSample } from '../status/sample.js'

export interface Declared {
  readonly name: string
  readonly help: string
  readonly type: string
  readonly labelNames: readonly string[]
}

export function createMetrics(options: CounterOptions = {}) {
  const registry = new Registry()
  // By default it checks the event loop a hundred times a second, which would be most of the work of an idle node.
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 100 })
  const build = new Gauge({
    name: 'gossum_build_info',
    help: 'Always 1; the labels identify the running program.',
    labelNames: ['version', 'node'],
    registers: [registry],
  })
  build.set({ version: VERSION, node: process.version }, 1)
  const eventReaders = new Gauge({
    name: 'gossum_event_readers',
    help: 'Readers of the events over HTTP.',
    registers: [registry],
  })
  let shown: Sample | undefined
  addGauges(registry, () => shown)
  return {
    /** All declared metrics. The library knows more about a metric than its types say. */
    declared: () => registry.getMetricsAsArray() as unknown as readonly Declared[],
    /** All metrics in the Prometheus text format. The gauges are read at each scrape: nothing else updates them. */
    text(sample: Sample): Promise<string> {
      shown = sample
      return registry.metrics()
    },
    eventReaders,
    ...addCounters(registry, options),
  }
}
