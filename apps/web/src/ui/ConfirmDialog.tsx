// Owns a question with two answers. The platform's dialog keeps the focus inside, closes on Escape and gives the focus back.
import { createEffect } from 'solid-js';
import type { JSX } from 'solid-js';

export interface Question {
  readonly title: string;
  readonly text: string;
  readonly yes: string;
  readonly no: string;
  readonly isDangerous?: boolean;
  readonly onYes: () => void;
}

export interface ConfirmDialogProps {
  /** Open while there is one. */
  readonly question: Question | undefined;
  readonly onClose: () => void;
}

export function ConfirmDialog(props: ConfirmDialogProps): JSX.Element {
  let dialog!: HTMLDialogElement;
  createEffect(() => {
    if (props.question) dialog.showModal();
    else if (dialog.open) dialog.close();
  });
  const answer = (isYes: boolean): void => {
    const { question } = props;
    props.onClose();
    if (isYes) question?.onYes();
  };
  return (
    <dialog
      ref={dialog}
      class="dialog"
      data-testid="dialog"
      onClose={() => props.onClose()}
      onClick={(event) => {
        if (event.target === dialog) props.onClose();
      }}
    >
      <div class="dialog-body">
        <h2>{props.question?.title}</h2>
        <p>{props.question?.text}</p>
        <div class="dialog-actions">
          <button type="button" class="button" data-testid="dialog-no" onClick={() => answer(false)}>
            {props.question?.no}
          </button>
          <button
            type="button"
            class="button"
            classList={{ danger: props.question?.isDangerous === true, primary: props.question?.isDangerous !== true }}
            data-testid="dialog-yes"
            onClick={() => answer(true)}
          >
            {props.question?.yes}
          </button>
        </div>
      </div>
    </dialog>
  );
}
