"""A method in a training loop of one's own: RigL keeps a network at 10 % of its weights and moves them on the way.

    python examples/own_training_loop.py

Three calls are all there is to it: `attached.step()` in the place of `optimizer.step()`, `attached.end_epoch()` and
`attached.finish()`. Any other method goes the same way; those with a penalty (`hoyer-square`) also need
`loss + attached.penalty()`.
"""

import torch
from torch import nn
from torch.utils.data import DataLoader

import sparserobust as sr

EPOCHS = 5


def main() -> None:
    """Trains on digits and says what came out."""
    torch.manual_seed(0)
    torch.set_num_threads(1)  # several times faster for a small network on a CPU
    data = sr.load_data("digits")
    loader = DataLoader(data.train, batch_size=32, shuffle=True)
    model = nn.Sequential(nn.Flatten(), nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)

    attached = sr.attach(
        "rigl", model, optimizer, sparsity=0.9, epochs=EPOCHS, steps_per_epoch=len(loader), every=10
    )
    for epoch in range(EPOCHS):
        for images, labels in loader:
            loss = nn.functional.cross_entropy(model(images), labels)
            optimizer.zero_grad()
            loss.backward()
            attached.step()
        attached.end_epoch()
        print(f"epoch {epoch + 1}: loss {loss.item():.3f}, {attached.training.kept:,} weights kept")
    attached.finish()

    run = sr.evaluate(attached.subject, data, ["accuracy", "fgsm", "storage"])
    accuracy = run.outcomes["accuracy"].score("top1").value
    robust = run.outcomes["fgsm"].score("robust_accuracy", at=0.1).value
    print(
        f"accuracy {accuracy:.3f}, under FGSM at eps 0.1 {robust:.3f}, sparsity {attached.subject.sparsity:.4f}"
    )


if __name__ == "__main__":
    main()
