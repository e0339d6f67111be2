/* Uploads files for the message that is being written, one after the other, and shows how far each
 * is; one that failed can be tried again. Loaded when somebody first has files to send; without it,
 * the form sends them with the message. */

export class Files {
  constructor({ form, room, attached, element, reasonOf, showProblem, word }) {
    Object.assign(this, { form, room, attached, element, reasonOf, showProblem, word });
    this.list = document.getElementById("uploads");
    /* In the order in which they were chosen, each with its item, its state (waiting, failed or
     * made) and, once it is uploaded, its resource. */
    this.uploads = [];
    this.isUploading = this.sendsWhenDone = false;
    this.note = this.element("li", "hint", this.word("waits"));
    this.note.setAttribute("role", "status");
    window.addEventListener("online", () => this.resume());
    window.addEventListener("beforeunload", (event) => {
      if (this.uploads.some(({ state }) => state !== "made")) event.preventDefault();
    });
  }

  add(files) {
    this.form.elements.file.value = "";
    for (const file of files) this.show({ file, name: file.name, state: "waiting" });
    this.drain();
  }

  /* Take back files that are uploaded, of a message that is not sent. */
  putBack(files) {
    for (const made of files) this.show({ name: made.name, state: "made", made });
    this.change();
  }

  /* Take up what was uploaded for a message that was being written when the page was left. The server
   * keeps it for a day. */
  restore(files) {
    this.putBack(files);
    for (const upload of [...this.uploads]) {
      const path = `/files/${upload.made.id}/${encodeURIComponent(upload.name)}`;
      fetch(path, { method: "HEAD" }).then(
        ({ status }) => status === 404 && this.drop(upload),
        () => {},
      );
    }
  }

  /* Return whether the message has to wait for files: it is sent after them, unless one fails. */
  delays() {
    const isWaiting = this.uploads.some(({ state }) => state === "waiting");
    const failed = this.uploads.find(({ state }) => state === "failed");
    this.sendsWhenDone = isWaiting && !failed;
    this.change();
    if (failed) this.showProblem(this.word("unsentFile", failed.name));
    return isWaiting || Boolean(failed);
  }

  /* Return the ids and names of the files, for the message that is sent now. */
  take() {
    const made = this.uploads.map(({ made: { id, name } }) => ({ id, name }));
    this.uploads = [];
    this.list.replaceChildren();
    this.change();
    return made;
  }

  show(upload) {
    const { name } = upload;
    const item = this.element("li");
    const progress = this.element("progress");
    progress.setAttribute("aria-label", this.word("uploadOf", name));
    progress.value = upload.made ? 1 : 0;
    const error = this.element("span", "error");
    error.setAttribute("role", "alert");
    const again = this.button(this.word("again"), name, () => this.again(upload));
    again.hidden = true;
    const remove = this.button(this.word("remove"), name, () => this.remove(upload));
    item.append(this.element("bdi", "", name), progress, error, again, remove);
    this.list.append(item);
    this.uploads.push(Object.assign(upload, { item, progress, error, retry: again }));
  }

  button(text, name, does) {
    const button = this.element("button", "quiet", text);
    button.type = "button";
    button.setAttribute("aria-label", `${text}: ${name}`);
    button.addEventListener("click", does);
    return button;
  }

  remove(upload) {
    upload.request?.abort();
    this.drop(upload);
    this.showProblem("");
    this.form.elements.source.focus();
  }

  drop(upload) {
    this.uploads = this.uploads.filter((each) => each !== upload);
    upload.item.remove();
    this.change();
  }

  again(upload) {
    this.setState(upload, "waiting");
    this.showProblem("");
    this.form.elements.source.focus();
    this.drain();
  }

  /* The line is back. */
  resume() {
    for (const upload of this.uploads) if (upload.wasCutOff) this.setState(upload, "waiting");
    this.drain();
  }

  setState(upload, state, text = "") {
    upload.state = state;
    upload.wasCutOff = false;
    if (state === "waiting") upload.progress.value = 0;
    upload.error.textContent = text;
    upload.progress.hidden = state === "failed";
    upload.retry.hidden = state !== "failed";
  }

  async drain() {
    this.change();
    if (this.isUploading) return;
    this.isUploading = true;
    let next;
    while ((next = this.uploads.find(({ state }) => state === "waiting"))) await this.upload(next);
    this.isUploading = false;
    this.change();
    /* It may have been about files alone, and somebody has removed them. */
    const hasSomething = this.uploads.length || this.form.elements.source.value.trim();
    if (this.sendsWhenDone && hasSomething) this.form.requestSubmit();
    else this.sendsWhenDone = false;
    this.change();
  }

  async upload(upload) {
    try {
      upload.made = await this.send(upload);
      upload.progress.value = 1;
      this.setState(upload, "made");
      this.keep();
    } catch (error) {
      this.setState(upload, "failed", this.word("unuploaded", this.reasonOf(error)));
      upload.wasCutOff = !error.status;
      /* Unless somebody has removed it meanwhile. */
      if (this.uploads.includes(upload)) this.sendsWhenDone = false;
    }
  }

  /* fetch does not tell how far an upload is. */
  send(upload) {
    const { file, progress } = upload;
    const request = new XMLHttpRequest();
    upload.request = request;
    request.open("POST", `/api/rooms/${this.room}/files?name=${encodeURIComponent(file.name)}`);
    request.setRequestHeader("Content-Type", "application/octet-stream");
    request.setRequestHeader("Accept", "application/json");
    request.responseType = "json";
    request.upload.addEventListener("progress", ({ loaded, total }) => {
      progress.value = total ? loaded / total : 1;
    });
    return new Promise((resolve, reject) => {
      const end = () => {
        if (request.status === 201) return resolve(request.response);
        const error = new Error(request.response?.detail || request.statusText);
        reject(Object.assign(error, { status: request.status }));
      };
      for (const type of ["load", "error", "abort"]) request.addEventListener(type, end);
      request.send(file);
    });
  }

  /* Only what is uploaded outlives the page. */
  keep() {
    const made = this.uploads.filter(({ state }) => state === "made");
    this.attached.set(made.map(({ made: { id, name } }) => ({ id, name })));
  }

  change() {
    this.keep();
    this.form.elements.source.required = !this.uploads.length;
    const isBusy = this.uploads.some(({ state }) => state === "waiting");
    this.list.setAttribute("aria-busy", String(isBusy));
    if (this.sendsWhenDone) this.list.append(this.note);
    else this.note.remove();
  }
}
