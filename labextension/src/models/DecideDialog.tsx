import React, { useEffect, useId, useRef, useState } from 'react';
import { inWords, type IProblem } from '../live';
import { Problem, WithCode } from '../parts/parts';
import type { ITranslate } from '../text';
import type {
  ApproveRequest,
  ModelSummary,
  PromoteRequest,
  Promotion,
  RollbackRequest
} from '../wire';
import { changes, type Deed, titleOf, verb } from './deed';

/**
 * How it is done. Each says what the reader has seen, and is refused when that is not so any
 * more.
 */
export interface IDeeds {
  /** Say yes to a judged version. */
  approve(model: string, request: ApproveRequest): Promise<void>;

  /** Make a judged version the champion. */
  promote(model: string, request: PromoteRequest): Promise<Promotion>;

  /** Give the alias back to the champion before. */
  rollback(model: string, request: RollbackRequest): Promise<void>;
}

/**
 * The options of the dialog.
 */
export interface IDecideDialogProps {
  deed: Deed;

  /** The model as it was when the reader asked. */
  model: ModelSummary;

  deeds: IDeeds;

  onClose: () => void;

  trans: ITranslate;
}

/** The status of an answer that says: it is not as you saw it. */
const CONFLICT = 409;

/**
 * Says what will change, and does it when the reader confirms.
 */
export function DecideDialog(props: IDecideDialogProps): JSX.Element {
  const { deed, model, trans } = props;
  const dialog = useRef<HTMLDialogElement>(null);
  const title = useId();
  const [text, setText] = useState('');
  const close = () => dialog.current?.close();
  const { isBusy, isOver, problem, confirm } = useDeed(props, text, close);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog
      ref={dialog}
      className="jp-Mlops-dialog"
      aria-labelledby={title}
      onCancel={event => isBusy && event.preventDefault()}
      onClose={props.onClose}
    >
      <form
        onSubmit={event => {
          event.preventDefault();
          void confirm();
        }}
      >
        <h2 id={title}>{titleOf(deed, model, trans)}</h2>
        {changes(deed, model, trans).map(line => (
          <p key={line}>
            <WithCode text={line} />
          </p>
        ))}
        {deed !== 'promote' && !isOver && (
          <Reason
            label={
              deed === 'approve'
                ? trans.__('Comment (optional)')
                : trans.__('Why (for the record)')
            }
            text={text}
            onChange={setText}
          />
        )}
        {problem && <Problem problem={problem} />}
        <Ending {...props} isBusy={isBusy} isOver={isOver} onCancel={close} />
      </form>
    </dialog>
  );
}

/** The buttons. */
function Ending(props: {
  deed: Deed;
  isBusy: boolean;
  isOver: boolean;
  onCancel: () => void;
  trans: ITranslate;
}): JSX.Element {
  const { isBusy, isOver, trans } = props;
  return (
    <div className="jp-Mlops-line jp-Mlops-formEnd">
      <button
        type="button"
        className="jp-Mlops-button"
        disabled={isBusy}
        onClick={props.onCancel}
      >
        {isOver ? trans.__('Close') : trans.__('Cancel')}
      </button>
      {!isOver && (
        <button
          type="submit"
          className="jp-Mlops-button jp-mod-accept"
          disabled={isBusy}
        >
          {isBusy ? trans.__('One moment…') : verb(props.deed, trans)}
        </button>
      )}
    </div>
  );
}

/** Whether it is being done, and what came of it. */
function useDeed(
  props: IDecideDialogProps,
  text: string,
  close: () => void
): {
  isBusy: boolean;
  isOver: boolean;
  problem: IProblem | null;
  confirm: () => Promise<void>;
} {
  const [isBusy, setBusy] = useState(false);
  const [isOver, setOver] = useState(false);
  const [problem, setProblem] = useState<IProblem | null>(null);
  const confirm = async () => {
    setBusy(true);
    setProblem(null);
    try {
      const message = await perform(props, text.trim());
      if (message === null) {
        close();
        return;
      }
      setOver(true);
      setProblem({ message, hint: null });
    } catch (error) {
      // what the reader confirms does not stand any more
      setOver((error as { status?: number }).status === CONFLICT);
      setProblem(inWords(error));
    }
    setBusy(false);
  };
  return { isBusy, isOver, problem, confirm };
}

function Reason(props: {
  label: string;
  text: string;
  onChange: (text: string) => void;
}): JSX.Element {
  const id = useId();
  return (
    <div className="jp-Mlops-reasonField">
      <label htmlFor={id}>{props.label}</label>
      <textarea
        id={id}
        rows={2}
        value={props.text}
        onChange={event => props.onChange(event.target.value)}
      />
    </div>
  );
}

/** Do it; return why nothing was changed, if nothing was. */
async function perform(
  props: IDecideDialogProps,
  text: string
): Promise<string | null> {
  const { deed, deeds, model, trans } = props;
  const decision = model.waiting?.decision ?? '';
  switch (deed) {
    case 'approve':
      await deeds.approve(model.name, { decision, comment: text });
      return null;
    case 'rollback':
      await deeds.rollback(model.name, {
        champion: model.champion,
        to: model.rollback_to ?? 0,
        reason: text
      });
      return null;
    case 'promote': {
      const made = await deeds.promote(model.name, { decision });
      return made.decision
        ? null
        : trans.__('Nothing was moved: it waits for an approval.');
    }
  }
}
