/** The form of a pipeline's parameters, from their JSON Schema. Nothing here draws. */

import type { ITranslate } from '../text';
import type { PipelineForm } from '../wire';

/** What a field holds while it is edited: text, or whether it is checked. */
export type Entry = boolean | string;

/**
 * A field of the form.
 */
export interface IField {
  readonly name: string;

  /** How it is entered. */
  readonly kind: 'check' | 'choice' | 'date' | 'number' | 'text';

  /** What it holds as long as nobody changed it. */
  readonly initial: Entry;

  /** From the notebook. */
  readonly help: string;

  /** The values to choose from, where there are some. */
  readonly choices: readonly unknown[];

  /** Which values are allowed, in words. */
  readonly limits: string;

  /** What an empty field shows. */
  readonly placeholder: string;
}

/** The parts of JSON Schema that the server writes. */
interface IProperty {
  type?: string;
  format?: string;
  default?: unknown;
  description?: string;
  enum?: unknown[];
  minimum?: number;
  maximum?: number;
  exclusiveMinimum?: number;
  exclusiveMaximum?: number;
}

/**
 * Return the fields for the parameters of a pipeline.
 */
export function fieldsOf(form: PipelineForm, trans: ITranslate): IField[] {
  const properties = (form.schema.properties ?? {}) as Record<
    string,
    IProperty
  >;
  return Object.entries(properties).map(([name, property]) =>
    fieldOf(name, property, trans)
  );
}

/**
 * Return what was changed, to be sent: the server knows the defaults, and reads text as the type
 * of the parameter.
 *
 * @param entries - What the fields hold, by name; those that nobody touched may be missing
 */
export function changed(
  fields: readonly IField[],
  entries: Readonly<Record<string, Entry>>
): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  for (const field of fields) {
    const entry = entries[field.name] ?? field.initial;
    if (entry !== field.initial) {
      found[field.name] =
        field.kind === 'choice' ? field.choices[Number(entry)] : entry;
    }
  }
  return found;
}

function fieldOf(name: string, property: IProperty, trans: ITranslate): IField {
  const kind = kindOf(property);
  return {
    name,
    kind,
    initial: initialOf(kind, property),
    help: property.description ?? '',
    choices: property.enum ?? [],
    limits: limitsOf(property, trans),
    placeholder: property.format === 'secret' ? trans.__('env:NAME') : ''
  };
}

function kindOf(property: IProperty): IField['kind'] {
  if (property.enum) {
    return 'choice';
  }
  if (property.type === 'boolean') {
    return 'check';
  }
  if (property.type === 'integer') {
    return 'number';
  }
  return property.type === 'string' && property.format === 'date'
    ? 'date'
    : 'text';
}

function initialOf(kind: IField['kind'], property: IProperty): Entry {
  const value = property.default;
  if (kind === 'check') {
    return value === true;
  }
  if (kind === 'choice') {
    return String(property.enum?.findIndex(choice => choice === value) ?? -1);
  }
  if (value === undefined) {
    return '';
  }
  return typeof value === 'string' ? value : JSON.stringify(value);
}

function limitsOf(property: IProperty, trans: ITranslate): string {
  const found: string[] = [];
  if (property.minimum !== undefined) {
    found.push(trans.__('at least %1', property.minimum));
  }
  if (property.exclusiveMinimum !== undefined) {
    found.push(trans.__('more than %1', property.exclusiveMinimum));
  }
  if (property.maximum !== undefined) {
    found.push(trans.__('at most %1', property.maximum));
  }
  if (property.exclusiveMaximum !== undefined) {
    found.push(trans.__('less than %1', property.exclusiveMaximum));
  }
  return found.join(', ');
}
