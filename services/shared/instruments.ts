import { Gauge, type Counter, type Registry } from 'prom-client';

/** A gauge that is read when it is scraped. `undefined`: not known now, hence absent at first. */
export function gaugeOf(registry: Registry, name: string, help: string, read: () => number | undefined): Gauge {
  return new Gauge({
    name,
    help,
    registers: [registry],
    collect() {
      const value = read();
      if (value === undefined) this.remove();
      else this.set(value);
    },
  });
}

/** Shows a counter at 0 for each value of its label: the first time something happens is an increase, which a new series is not. */
export function fromZero<Label extends string>(
  counter: Counter<Label>,
  label: Label,
  values: readonly string[],
): Counter<Label> {
  for (const value of values) counter.inc({ [label]: value } as Record<Label, string>, 0);
  return counter;
}
