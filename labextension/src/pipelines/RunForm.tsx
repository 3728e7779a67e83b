import React, { useEffect, useId, useState } from 'react';
import { inWords, type IProblem } from '../live';
import { Problem } from '../parts/parts';
import type { ITranslate } from '../text';
import type { LaunchRequest, PipelineForm } from '../wire';
import { changed, type Entry, fieldsOf, type IField } from './form';

/**
 * The options of the form.
 */
export interface IRunFormProps {
  /** Fetch the parameters. */
  load: () => Promise<PipelineForm>;

  /** Begin a run. */
  launch: (request: LaunchRequest) => Promise<void>;

  /** Called when the form is not needed any more. */
  onClose: () => void;

  trans: ITranslate;
}

/**
 * The parameters of a pipeline as a form, and the button that begins a run with them.
 */
export function RunForm(props: IRunFormProps): JSX.Element {
  const { load, launch, onClose, trans } = props;
  const [form, setForm] = useState<PipelineForm | null>(null);
  const [entries, setEntries] = useState<Record<string, Entry>>({});
  const [force, setForce] = useState(false);
  const [isBusy, setBusy] = useState(false);
  const [problem, setProblem] = useState<IProblem | null>(null);
  useEffect(() => {
    let isHere = true;
    load()
      .then(found => isHere && setForm(found))
      .catch((error: unknown) => isHere && setProblem(inWords(error)));
    return () => {
      isHere = false;
    };
    // eslint-disable-next-line react-hooks/exhaustive-deps -- asked for once: what is typed stays
  }, []);
  const fields = form ? fieldsOf(form, trans) : [];
  const submit = async (event: React.FormEvent) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      await launch({ parameters: changed(fields, entries), force });
      onClose();
    } catch (error) {
      setProblem(inWords(error));
      setBusy(false);
    }
  };
  return (
    <form
      className="jp-Mlops-form"
      aria-label={trans.__('Parameters')}
      onSubmit={event => void submit(event)}
      noValidate
    >
      {fields.map(field => (
        <Field
          key={field.name}
          field={field}
          entry={entries[field.name] ?? field.initial}
          onChange={entry => setEntries({ ...entries, [field.name]: entry })}
        />
      ))}
      {form && fields.length === 0 && (
        <p className="jp-Mlops-muted">{trans.__('It has no parameters.')}</p>
      )}
      {problem && <Problem problem={problem} />}
      <Ending
        force={force}
        onForce={setForce}
        onClose={onClose}
        isReady={form !== null && !isBusy}
        isBusy={isBusy}
        trans={trans}
      />
    </form>
  );
}

/** The buttons. */
function Ending(props: {
  force: boolean;
  onForce: (force: boolean) => void;
  onClose: () => void;
  isReady: boolean;
  isBusy: boolean;
  trans: ITranslate;
}): JSX.Element {
  const { trans } = props;
  return (
    <div className="jp-Mlops-line jp-Mlops-formEnd">
      <label className="jp-Mlops-check">
        <input
          type="checkbox"
          checked={props.force}
          onChange={event => props.onForce(event.target.checked)}
        />
        {trans.__('all steps, also known ones')}
      </label>
      <button type="button" className="jp-Mlops-button" onClick={props.onClose}>
        {trans.__('Close')}
      </button>
      <button
        type="submit"
        className="jp-Mlops-button jp-mod-accept"
        disabled={!props.isReady}
      >
        {props.isBusy ? trans.__('Starting…') : trans.__('Run')}
      </button>
    </div>
  );
}

function Field(props: {
  field: IField;
  entry: Entry;
  onChange: (entry: Entry) => void;
}): JSX.Element {
  const { field } = props;
  const id = useId();
  const about = [field.help, field.limits].filter(Boolean).join('; ');
  return (
    <div className="jp-Mlops-field">
      <label htmlFor={id} title={field.name}>
        {field.name}
      </label>
      <Control {...props} id={id} about={about ? `${id}-about` : undefined} />
      {about && (
        <small id={`${id}-about`} className="jp-Mlops-muted">
          {about}
        </small>
      )}
    </div>
  );
}

function Control(props: {
  field: IField;
  entry: Entry;
  id: string;
  about: string | undefined;
  onChange: (entry: Entry) => void;
}): JSX.Element {
  const { field, entry, id, onChange } = props;
  const common = { id, 'aria-describedby': props.about };
  if (field.kind === 'check') {
    return (
      <input
        {...common}
        type="checkbox"
        checked={entry === true}
        onChange={event => onChange(event.target.checked)}
      />
    );
  }
  if (field.kind === 'choice') {
    return (
      <select
        {...common}
        value={String(entry)}
        onChange={event => onChange(event.target.value)}
      >
        {field.choices.map((choice, index) => (
          <option key={index} value={index}>
            {typeof choice === 'string' ? choice : JSON.stringify(choice)}
          </option>
        ))}
      </select>
    );
  }
  return (
    <input
      {...common}
      type={field.kind}
      value={String(entry)}
      placeholder={field.placeholder}
      spellCheck={false}
      autoComplete="off"
      onChange={event => onChange(event.target.value)}
    />
  );
}
